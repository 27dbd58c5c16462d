"""Security descriptors: storing, inheriting and showing them, and the rights that they grant."""
