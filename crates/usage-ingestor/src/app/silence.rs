//! Notices that a stream went silent or came back.
