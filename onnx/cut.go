package onnx

// Cut returns the part of m that the values outputs need: its nodes, weights
// and inputs. It shares them with m, which must stay open. A graph output keeps
// its declaration; another value is declared as float32 of unknown shape. A
// name that m does not make becomes an output that Check refuses.
func (m *Model) Cut(outputs ...string) *Model {
	needed := map[string]bool{}
	c := *m
	c.maps, c.Outputs, c.Inputs, c.Nodes = nil, nil, nil, nil
	for _, name := range outputs {
		needed[name] = true
		c.Outputs = append(c.Outputs, m.declaration(name))
	}
	keep := make([]bool, len(m.Nodes))
	for i := len(m.Nodes) - 1; i >= 0; i-- {
		for _, out := range m.Nodes[i].Outputs {
			keep[i] = keep[i] || out != "" && needed[out]
		}
		if keep[i] {
			for _, in := range m.Nodes[i].Inputs {
				needed[in] = true
			}
		}
	}
	for i, n := range m.Nodes {
		if keep[i] {
			c.Nodes = append(c.Nodes, n)
		}
	}
	for _, v := range m.Inputs {
		if needed[v.Name] {
			c.Inputs = append(c.Inputs, v)
		}
	}
	c.Weights = map[string]*Tensor{}
	for name, t := range m.Weights {
		if needed[name] {
			c.Weights[name] = t
		}
	}
	return &c
}

// declaration returns what the graph says of a value.
func (m *Model) declaration(name string) ValueInfo {
	for _, list := range [][]ValueInfo{m.Outputs, m.Inputs} {
		for _, v := range list {
			if v.Name == name {
				return v
			}
		}
	}
	return ValueInfo{Name: name, Type: Float}
}
