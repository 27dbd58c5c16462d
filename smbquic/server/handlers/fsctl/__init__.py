"""The control codes of IOCTL that are more than a line. [MS-SMB2] 3.3.5.15"""
