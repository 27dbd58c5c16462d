"""The create contexts of CREATE, one file each. [MS-SMB2] 2.2.13.2"""
