"""`smbquic shell`: a prompt with smbclient's verbs."""
