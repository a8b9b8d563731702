"""What a person sees of the sandbox: the page to pay on, the mailbox and phone, the ledger."""
