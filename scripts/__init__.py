"""Tools beside the stages, run as `python -m scripts.NAME`, and shell scripts."""
