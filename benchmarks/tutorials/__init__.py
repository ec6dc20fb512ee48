"""The three examples of the paper as tutorials: runs, measures, pictures, figures in pages."""
