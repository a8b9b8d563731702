"""`python -m holdfast` is the same as `holdfast`."""

from holdfast.cli.main import app_main

if __name__ == "__main__":
    app_main()
