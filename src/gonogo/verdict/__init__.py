"""What follows: the judge, sign-offs, waivers, and the approval that only a GO makes. Pure: no files, no clock."""
