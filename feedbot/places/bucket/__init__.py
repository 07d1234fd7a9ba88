"""The only place that knows object stores: objects in a bucket, and the bucket as a place for documents."""
