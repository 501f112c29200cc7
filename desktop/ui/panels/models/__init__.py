"""The Models panel and its pages."""

from desktop.ui.panels.models.panel import ModelsPanel

__all__ = ["ModelsPanel"]
