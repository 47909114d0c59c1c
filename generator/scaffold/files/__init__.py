"""Writing to the file system so that an interrupt or a full disk leaves nothing half done."""
