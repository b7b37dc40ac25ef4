"""What a mail is made of: structure, header fields, charsets, HTML, quotations, signatures. Behind `parsing` and `text`; pure."""
