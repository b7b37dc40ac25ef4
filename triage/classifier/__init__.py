"""The text model: names the category of a message, or abstains.

    masking     pure: what of a text the model may see
    features    text to numbers: hashed word and character TF-IDF beside multilingual sentence vectors
    estimator   TextModel (what is trained and stored) and Classifier (what the daemon calls)
    dataset     rows of labelled text from JSON Lines and CSV
    training    rows to a calibrated TextModel with a threshold
    evaluation  how good it is, in numbers and in words
    gate        may a challenger replace the champion?
    registry    model files: written whole, checked before they are opened, kept for a rollback
    commands    triage train, evaluate, models, rollback

scikit-learn takes half a second to import, so nothing outside this package imports it, and `registry` and `commands`
do so only when a model is really needed.
"""
