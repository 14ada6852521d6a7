"""Starting files for a new project, and the state of the environment."""
