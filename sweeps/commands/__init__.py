"""The commands of the command line, a file a subject: their options, what they call, what they print."""
