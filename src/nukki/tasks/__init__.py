"""One class per family of networks: a picture in, an answer in the photo's terms out."""
