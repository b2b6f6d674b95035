"""From the command line to jobs: resolve names, expand cells, estimate cost."""
