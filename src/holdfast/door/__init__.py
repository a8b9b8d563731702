"""The door: who comes in, once, with what is typed or scanned, also when the network is away for a while."""
