"""CHANGE_NOTIFY: watches of folders, and where the changes come from."""
