"""The general search: any chain of storage levels, several fanouts, any constraints, free bypass."""
