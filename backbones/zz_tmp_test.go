package backbones
import ("testing";"time";"os";"strings";"fmt";"github.com/tlkit/tl/weights";"github.com/tlkit/tl/onnx")
func TestZZ(t *testing.T){
 p:="/tmp/bb/vgg16.onnx"
 if _,err:=os.Stat(p);err!=nil{ s:=time.Now(); m,err:=weights.Seeded("vgg16",weights.SeededOptions{}); if err!=nil{t.Fatal(err)}; fmt.Println("seeded",time.Since(s)); if err:=onnx.WriteFile(p,m);err!=nil{t.Fatal(err)}; fmt.Println("written",time.Since(s)); return}
 s:=time.Now(); onnx.Digest(p); fmt.Println("digest",time.Since(s))
 s=time.Now(); b,err:=Open(p,Options{}); if err!=nil{t.Fatal(err)}; fmt.Println("open",time.Since(s), b.Memory()>>20, b.Engine())
 st,_:=os.ReadFile("/proc/self/status"); for _,l:=range strings.Split(string(st),"\n"){ if strings.HasPrefix(l,"VmHWM")||strings.HasPrefix(l,"Rss"){fmt.Println(l)}}
 c:=b.Card(); fmt.Println(c.cutNames(), c.Untrained, c.PreprocessWhy, Params(b.Layers()), Params(b.AllLayers()))
 s=time.Now(); b.WeightsDigest(); fmt.Println("weightsdigest",time.Since(s)); b.Close()
}
