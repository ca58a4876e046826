"""Where energies and areas come from: the shipped table, Accelergy, hwcomponents or a file."""
