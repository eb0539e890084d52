"""What pages show, made for their templates: rows, forms, charts, and our own words for what the record says."""
