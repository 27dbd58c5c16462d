"""Security descriptors: what is stored, inherited, shown, and what it grants to whom."""
