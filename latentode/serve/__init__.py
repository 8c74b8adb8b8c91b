"""A trained model behind HTTP: a page for people, JSON and CSV for programs.

`latentode.serve.server` listens; `latentode.serve.app` says what is asked under which address;
`latentode.serve.guard` keeps out what should not come in; `latentode.serve.pool` hands questions to
processes of `latentode.serve.worker`, where `latentode.serve.answers` asks the model. The process
that listens holds no model and reads no log, so that it answers whatever a question costs.
"""
