"""What the workflow calls: each activity is a method of a class that is given what it needs."""
