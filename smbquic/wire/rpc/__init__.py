"""Remote procedure calls as they travel over named pipes. [MS-RPCE], [C706]"""
