"""Stand-ins for ``timeloop-model`` and ``timeloop-mapper`` that read and write the same files."""
