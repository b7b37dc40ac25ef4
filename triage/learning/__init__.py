"""Teaching by moving mail: reads the triaged folders, trains a challenger, lets it win or not. Changes no mailbox."""
