"""The core of Gridward: areas, responsibility and cases. It knows neither files nor the web."""

__version__ = "0.1.0"
