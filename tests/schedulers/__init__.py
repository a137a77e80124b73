"""The files of config/schedulers, each judged by a checker of its own kind; a checker that is absent fails the test."""
