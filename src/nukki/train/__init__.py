"""How our own networks were made: data, augmentation, losses, the loop; torch is welcome here."""
