"""GitHub: a living comment on the issue of a request, answers by slash command. The only home of PyGithub in the library.

What is read and written is worked out in pure modules that know no client – ``words`` (names, places, hidden markers), ``markdown`` (the
only ways by which other people's text gets into a comment), ``inbound`` (a comment → a command), ``hints`` (a near miss → a sentence),
``render`` (a view → the comment) and ``replies`` (what is said back). Everything that talks to GitHub stands beside them.
"""
