"""Messages: what the HTTP takes and gives, beside those of ``schema``."""
