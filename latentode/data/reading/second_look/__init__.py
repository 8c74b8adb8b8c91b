"""What the numbers of a log look like, once it is read; `look.second_look` asks the others."""
