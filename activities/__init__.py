"""What the workflow calls: each activity is a method of a class that is given what it needs.

Those that run in threads refuse the SDK's thread cancellation (`no_thread_cancel_exception`): it would raise an
exception between any two steps of a transaction, and a lock or a connection could be left held for good.
"""
