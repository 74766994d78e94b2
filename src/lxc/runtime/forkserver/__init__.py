"""The fork server, which commands are forked from: `server`, its workers (`worker`), and what is said to them (`request`)."""
