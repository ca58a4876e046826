"""What Timeloop reads, written: archs, mapspaces and mappings through templates as YAML."""
