"""From what was asked to jobs: resolve names, expand cells, group work."""
