"""The vendors; one module each, named `<vendor>_<family>`."""
