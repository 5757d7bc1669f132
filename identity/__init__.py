"""Who is asking: principals, tokens, passwords."""
