/// One service on the bus, as its proto file declares it.
pub trait RpcService {
    /// Its word in subjects, and its schema's name.
    const NAME: &'static str;
    /// Every declared method.
    const METHODS: &'static [&'static str];
}

/// One request/reply pair on the bus.
pub trait RpcMethod {
    /// The answering service.
    type Service: RpcService;
    /// What is asked.
    type Request: prost::Message + Default + Send + 'static;
    /// What is answered.
    type Response: prost::Message + Default + Send + 'static;
    /// The answering service's word in subjects.
    const SERVICE: &'static str = <Self::Service as RpcService>::NAME;
    /// The method's name, unique in the service.
    const METHOD: &'static str;
}
