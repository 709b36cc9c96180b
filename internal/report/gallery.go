package report

import (
	"encoding/base64"
	"html/template"
	"io"
)

// Gallery is a page of pictures with a few lines under each. It is one HTML
// file that needs no other and runs no script.
type Gallery struct {
	Title    string
	Text     []string // paragraphs above the pictures
	Pictures []GalleryPicture
}

// GalleryPicture is one picture of a gallery.
type GalleryPicture struct {
	PNG   []byte   // nil where it cannot be shown
	Lines []string // the first one is its name
}

// Source is the picture as a data URI. Only the page's own template asks for it.
func (p GalleryPicture) Source() template.URL {
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(p.PNG))
}

var gallery = template.Must(template.New("gallery").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{{.Title}}</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em; max-width: 80em; color: #222; background: #fff }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(15em, 1fr)); gap: 1.5em }
figure { margin: 0 }
img { width: 12em; image-rendering: pixelated; background: #000 }
figcaption { overflow-wrap: anywhere; font-size: 13px }
</style>
<h1>{{.Title}}</h1>
{{range .Text}}<p>{{.}}</p>
{{end}}<main>
{{range .Pictures}}<figure>
{{if .PNG}}<img src="{{.Source}}" alt="">{{else}}<p>(cannot be shown)</p>{{end}}
<figcaption>{{range $i, $line := .Lines}}{{if eq $i 0}}<b>{{$line}}</b>{{else}}<br>{{$line}}{{end}}{{end}}</figcaption>
</figure>
{{end}}</main>
</html>
`))

// HTML writes the page.
func (g Gallery) HTML(w io.Writer) error { return gallery.Execute(w, g) }
