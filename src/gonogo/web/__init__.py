"""What a person looks at: one page that says what is live and whether it is well."""
