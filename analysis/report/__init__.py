"""A sweep's report: content as plain values, then one HTML file that needs nothing else.

`content.read_report` collects, `page.render` writes the page, `write.write_report` puts it into the sweep's folder.
"""
