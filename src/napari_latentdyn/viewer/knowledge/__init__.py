"""Knowledge of the user in layers: regions with a role, landmarks and tracks."""
