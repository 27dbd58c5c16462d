"""The verbs of the shell: one table, from which help, completion and the manual are made."""

from smbquic.cli.shell import changing, copying, folders, looking, settings
from smbquic.cli.shell.verb import Verb, VerbTable

_ABSENT = {
    "tar": "use recurse and mget, or pipe to it as in cat FILE | tar x",
    "print": "printers are not supported",
    "queue": "printers are not supported",
    "logon": "leave with exit, and begin with another URL",
    **dict.fromkeys(
        ("chmod", "chown", "getfacl", "posix"), "the server's SMB 3.1.1 has no such extension"
    ),
}
"""Verbs of smbclient that people may look for, with what to do instead."""

_SWITCH = "[on|off]"

VERBS = VerbTable(
    (
        Verb(("cd",), "[FOLDER]", "Go to a folder of the share.", folders.cd),
        Verb(("pwd",), "", "Print the folder of the share.", folders.pwd),
        Verb(("lcd",), "[LOCAL_FOLDER]", "Go to a folder of this machine.", folders.lcd),
        Verb(("lpwd",), "", "Print the folder of this machine.", folders.lpwd),
        Verb(("ls", "dir", "l"), "[MASK...]", "List a folder, or what matches.", looking.ls),
        Verb(("stat",), "FILE", "Show attributes, sizes and times.", looking.stat),
        Verb(("allinfo",), "FILE", "Show all that the server says of it.", looking.allinfo),
        Verb(("altname",), "FILE", "Print the 8.3 name.", looking.altname),
        Verb(("readlink",), "FILE", "Print where a symbolic link leads.", looking.readlink),
        Verb(("du",), "[FOLDER]", "Show how much is in a folder.", looking.du),
        Verb(("df",), "", "Show how much room there is.", looking.df),
        Verb(("volume",), "", "Show the volume behind the share.", looking.volume),
        Verb(("notify",), "[FOLDER]", "Show what changes, until Ctrl-C.", looking.notify),
        Verb(("get",), "FILE [LOCAL]", "Copy a file here; LOCAL may be -.", copying.get),
        Verb(("put",), "LOCAL [NEW]", "Copy a file to the share.", copying.put),
        Verb(("mget",), "[MASK...]", "Copy here what matches.", copying.mget),
        Verb(("mput",), "[LOCAL...]", "Copy to the share what matches.", copying.mput),
        Verb(("reget",), "FILE [LOCAL]", "As get; continue an earlier reget.", copying.reget),
        Verb(("reput",), "LOCAL [NEW]", "As put; continue an earlier reput.", copying.reput),
        Verb(("cat",), "FILE...", "Write the content of files.", copying.cat),
        Verb(("more",), "FILE", "Show a file page by page.", copying.more, paged=True),
        Verb(("scopy",), "FILE NEW", "Copy a file within the share.", copying.scopy),
        Verb(("rename",), "FILE NEW [-f]", "Rename or move; -f replaces a file.", changing.rename),
        Verb(("del", "rm"), "MASK...", "Delete files.", changing.delete),
        Verb(("deltree",), "MASK...", "Delete files and whole folders.", changing.deltree),
        Verb(("mkdir", "md"), "FOLDER", "Make a folder.", changing.mkdir),
        Verb(("rmdir", "rd"), "FOLDER", "Delete an empty folder.", changing.rmdir),
        Verb(("hardlink",), "FILE NEW", "Give a file a second name.", changing.hardlink),
        Verb(("symlink",), "TARGET NEW", "Make a symbolic link.", changing.symlink),
        Verb(("setmode",), "FILE MODE...", "Set attributes, as +r -ha.", changing.setmode),
        Verb(
            ("utimes",),
            "FILE CREATE ACCESS WRITE CHANGE",
            "Set times; -1 leaves one as it is.",
            changing.utimes,
        ),
        Verb(
            ("recurse",), _SWITCH, "Enter folders in ls, mget and mput.", settings.switch("recurse")
        ),
        Verb(
            ("prompt",), _SWITCH, "Ask for each file of mget and mput.", settings.switch("prompt")
        ),
        Verb(
            ("lowercase",),
            _SWITCH,
            "Get files under lower-case names.",
            settings.switch("lowercase"),
        ),
        Verb(("mask",), "[MASK]", "Which files mget and mput copy.", settings.mask),
        Verb(("timeout",), "SECONDS", "How long the server may be silent.", settings.timeout),
        Verb(("showconnect",), "", "Show the connection.", looking.showconnect),
        Verb(("history",), "", "List the lines that were typed.", settings.show_history),
        Verb(("help", "?"), "[VERB]", "List the commands, or describe one.", settings.show_help),
        Verb(("exit", "quit", "q"), "", "End the shell; Ctrl-D does so, too.", settings.leave),
    ),
    _ABSENT,
)
