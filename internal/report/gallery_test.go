package report

import (
	"strings"
	"testing"
)

// Names of files are strangers' words: they stay text.
func TestGalleryEscapes(t *testing.T) {
	var b strings.Builder
	g := Gallery{Title: "a <b>", Text: []string{"x & y"}, Pictures: []GalleryPicture{
		{PNG: []byte{1, 2, 3}, Lines: []string{`<script>alert(1)</script>"'.png`, "second"}}, {Lines: []string{"gone.png"}},
	}}
	if err := g.HTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"<h1>a &lt;b&gt;</h1>", "x &amp; y", "&lt;script&gt;alert(1)&lt;/script&gt;", `src="data:image/png;base64,AQID"`, "<br>second", "(cannot be shown)"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	if strings.Contains(page, "<script") {
		t.Error("a name became a script")
	}
}
