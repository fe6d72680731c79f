"""Widgets are tried with the layers that the form's tests have."""

from ..form.conftest import aerial, application, canvas, web  # noqa: F401 - fixtures
