"""SMB2_CREATE_APP_INSTANCE_ID and its version: an application that moves between machines.

[MS-SMB2] 2.2.13.2.13, 2.2.13.2.15, 3.3.5.9.13
"""

from functools import partial

from smbquic.server.handlers.create_contexts.pipeline import Create, CreateContextHandler
from smbquic.server.opens.app_instances import AppInstanceTable, app_instance_of, may_read
from smbquic.server.opens.open import Open
from smbquic.server.security.descriptor_cache import Descriptors
from smbquic.storage import Action
from smbquic.wire.create_contexts import CREATE_APP_INSTANCE_ID


class AppInstanceContext(CreateContextHandler):
    """The handler that closes what the application has open elsewhere, and keeps the new open."""

    names = frozenset({CREATE_APP_INSTANCE_ID})

    def __init__(self, app_instances: AppInstanceTable, descriptors: Descriptors) -> None:
        self._app_instances = app_instances
        self._descriptors = descriptors

    def prepare(self, create: Create) -> None:
        """See `CreateContextHandler`."""
        app_instance = app_instance_of(create.contexts, create.requester)
        if app_instance is not None:
            readable = partial(may_read, self._descriptors, create.session.token)
            name = create.parameters.full_name
            self._app_instances.take_over(app_instance, create.share, name, readable)

    def opened(self, create: Create, entry: Open, action: Action) -> None:
        """See `CreateContextHandler`."""
        app_instance = app_instance_of(create.contexts, create.requester)
        if app_instance is not None:
            self._app_instances.add(entry, app_instance)
