import structlog

# pytest gives each test a standard output of its own.
structlog.configure(cache_logger_on_first_use=False)
