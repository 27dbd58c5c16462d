"""Tests for what others write for this package; they need pytest."""

import pytest

pytest.register_assert_rewrite("smbquic.testing.storage")
