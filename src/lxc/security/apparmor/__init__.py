"""AppArmor: `plan` chooses the label and writes the profile's text, `outside` loads it.  Taking the label is `security.inside`'s."""
