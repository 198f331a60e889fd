// Package v2 reads requests and responses of the Open Inference Protocol (V2, as KServe,
// Seldon Core 2, MLServer and Triton speak it), as JSON and as protobuf, into a tree of
// rows.
//
// A payload becomes an object with id, model_name, model_version, parameters and rows.
// A tensor of shape [n, …] is a column of n rows: a value where one stands per row, else
// a list of them, row-major. All tensors of a payload have the same n.
//
// Shapes are not believed: the data must be as long as they say, and nested as they say,
// and every value must be of the declared type; else the record is dead with
// wrong_shape or wrong_type. Sizes are bounded before anything is made of them.
//
// Not read: the binary tensor extension of HTTP (its bytes stand outside the JSON), and
// tensors in shared memory.
//
// Source: the Open Inference Protocol, open_inference_rest.yaml and
// open_inference_grpc.proto of github.com/kserve/open-inference-protocol.
package v2
